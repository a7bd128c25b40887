# A Sinatra app with OmniAuth that takes its redirect URI from the host that was asked, as OmniAuth does unless told.
require "omniauth-oauth2"
require "sinatra/base"

class Provider < OmniAuth::Strategies::OAuth2
  option :name, "provider"
  option :client_options, site: ENV["ISSUER"], authorize_url: "/auth", token_url: "/token", auth_scheme: :request_body
  option :pkce, true
  option :scope, "openid"
  uid { access_token.get("/me").parsed["sub"] }

  def callback_url
    full_host + callback_path
  end
end

class Shop < Sinatra::Base
  set :sessions, true
  set :session_secret, "not-a-secret" * 8
  set :protection, false
  use OmniAuth::Builder do
    provider Provider, "server-post", "not-a-secret"
  end

  get "/" do
    form = '<form method="post" action="/auth/provider"><button id="sign-in">Sign in</button></form>'
    %(<link rel="icon" href="data:,">#{form}<p id="who">#{session[:sub] || "nobody"}</p>)
  end

  get "/auth/provider/callback" do
    session[:sub] = request.env["omniauth.auth"].uid
    redirect "/"
  end

  get("/auth/failure") { [403, params["message"]] }
end

OmniAuth.config.request_validation_phase = nil
run Shop
